"""What takes images off rclpy's hands, and leaves it the rest."""

import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import rclpy
from rcl_interfaces.srv import GetParameterTypes
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile
from rclpy.task import Future
from sensor_msgs.msg import Image
from waiting import WAIT

from har_ros.nodes import executor
from har_ros.nodes.wait_sets import Entities, take_directly

TOPIC = "/cam01/image_raw"


@pytest.fixture
def subscribed(ros):
    """Subscribe, and return what came directly and what came by rclpy's own way."""

    def subscribe(topic=TOPIC, most=5):
        direct, own = [], []
        subscription = ros.node.create_subscription(Image, topic, own.append, QoSProfile(depth=10))
        take_directly(subscription, lambda found: direct.extend(message for message, _ in found), most)
        return subscription, direct, own

    return subscribe


@pytest.fixture
def publisher(ros):
    found = ros.node.create_publisher(Image, TOPIC, QoSProfile(depth=10))

    def publish(brightness):
        ros.until(found.get_subscription_count, "a subscription")
        found.publish(Image(height=1, width=1, encoding="mono8", step=1, data=array("B", [brightness])))

    return publish


def test_images_come_directly_and_in_order(ros, subscribed, publisher):
    """With the rclpy that is installed, whose internals are used: else they came rclpy's way."""
    _, direct, own = subscribed()
    for number in range(10):
        publisher(number)
    ros.until(lambda: len(direct) == 10, "ten images")
    assert [message.data[0] for message in direct] == list(range(10))
    assert not own


def once_and_again(executor):
    """As the spin of rclpy's development branch, which does not call spin_once."""
    while True:
        executor._spin_once_impl()


def spin(executor):
    """Until it raises: between two turns, rclpy's own spin ends without."""
    while True:
        executor.spin_once()


@contextmanager
def spinning(executor, spin=spin):
    """Spin on another thread until the end of the block, however that is, with which the context ends."""
    with ThreadPoolExecutor(1) as pool:
        spins = pool.submit(spin, executor)
        try:
            yield
        finally:
            executor.context.try_shutdown()
        with pytest.raises(ExternalShutdownException):
            spins.result(WAIT)


@pytest.mark.parametrize("spin", [spin, once_and_again])
def test_images_come_directly_while_the_executor_spins(ros, subscribed, publisher, spin):
    subscription, _, own = subscribed()
    came = threading.Event()
    take_directly(subscription, lambda found: came.set(), 5)
    publisher(0)
    with spinning(ros.executor, spin):
        assert came.wait(WAIT)
    assert not own


@pytest.mark.parametrize("step", ["get_nodes", "wait_for_ready_callbacks"])
def test_a_context_that_ends_within_a_turn_is_no_error_of_rcl(ros, monkeypatch, step):
    own = getattr(ros.executor, step)

    def ending(**arguments):
        ros.executor.context.try_shutdown()
        return own(**arguments)

    monkeypatch.setattr(ros.executor, step, ending)
    with pytest.raises(ExternalShutdownException):
        spin(ros.executor)


def test_images_come_directly_while_an_answer_is_waited_for(ros, subscribed, publisher):
    _, direct, own = subscribed()
    answer = Future()
    ros.node.create_timer(0.001, lambda: direct and not answer.done() and answer.set_result(len(direct)))
    publisher(0)
    rclpy.spin_until_future_complete(ros.node, answer, ros.executor, WAIT)
    assert answer.result() == 1
    assert not own


def test_an_unknown_rclpy_is_left_to_itself(ros, subscribed, publisher, monkeypatch, capfd):
    def wait(*_):
        raise AttributeError("no attribute 'add_subscription'")

    monkeypatch.setattr(Entities, "wait", wait)
    _, direct, own = subscribed()
    for number in range(3):
        publisher(number)
    ros.until(lambda: len(direct) + len(own) == 3, "three images")
    assert not direct
    said = capfd.readouterr().err
    assert said.count("this rclpy is not as it was (no attribute 'add_subscription')") == 1


def test_while_images_stream_the_rest_is_looked_at_now_and_then(ros, subscribed, publisher, monkeypatch):
    """What there is to wait for beside images, such as 16 cameras' events, costs more than they do."""
    monkeypatch.setattr(executor, "LOOK_PERIOD", 1_000_000_000 * WAIT)
    _, direct, _ = subscribed()
    publisher(0)
    ros.until(lambda: direct, "the first image")
    looks, wait = [], Entities.wait
    monkeypatch.setattr(Entities, "wait", lambda *arguments: looks.append(None) or wait(*arguments))
    for number in range(1, 10):
        publisher(number)
        ros.until(lambda number=number: len(direct) > number, "an image")
    assert len(looks) < 9


def test_images_of_a_camera_that_rests_wait_and_come_together(ros, publisher):
    found, ticks = [], []
    subscription = ros.node.create_subscription(Image, TOPIC, found.append, QoSProfile(depth=10))
    direct = take_directly(subscription, lambda messages: found.append([one.data[0] for one, _ in messages]), 5)
    ros.node.create_timer(0.01, lambda: ticks.append(None))
    direct.rests_until = time.monotonic_ns() + round(WAIT * 1e9)
    for number in range(3):
        publisher(number)
    ros.until(lambda: len(ticks) > 5, "a timer that is served meanwhile")
    assert not found
    direct.rests_until = time.monotonic_ns() + 100_000_000
    ros.until(lambda: found, "the end of the rest")
    assert time.monotonic_ns() >= direct.rests_until
    assert found == [[0, 1, 2]]


def test_everything_else_is_served_while_images_stream(ros, subscribed, publisher):
    _, direct, _ = subscribed()
    ticks = []
    ros.node.create_timer(0.001, lambda: ticks.append(len(direct)))
    ros.node.create_service(GetParameterTypes, "ask", lambda request, response: response)
    client = ros.node.create_client(GetParameterTypes, "ask")
    ros.until(client.service_is_ready, "the service")
    for number in range(20):
        answer = client.call_async(GetParameterTypes.Request())
        publisher(number)
        ros.until(answer.done, "the answer")
    ros.until(lambda: len(direct) == 20, "all images")
    assert len(set(ticks)) > 3


def test_a_timer_that_was_cancelled_is_silent_until_it_is_reset(ros, subscribed, publisher):
    _, direct, _ = subscribed()
    ticks = []
    timer = ros.node.create_timer(0.001, lambda: ticks.append(None))
    timer.cancel()
    publisher(0)
    ros.until(lambda: direct, "an image")
    assert not ticks
    timer.reset()
    ros.until(lambda: ticks, "the timer")


def test_a_guard_condition_wakes_from_any_thread(ros, subscribed):
    subscribed()
    ran = threading.Event()
    guard = ros.node.create_guard_condition(ran.set)
    ros.executor.spin_once(timeout_sec=0)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            ran.clear()
            pool.submit(guard.trigger)
            ros.until(ran.is_set, "its callback")


def test_after_its_end_it_does_nothing_and_says_nothing(ros, subscribed, capfd):
    subscribed()
    ros.executor.spin_once(timeout_sec=0)
    ros.executor.shutdown()
    ros.executor.spin_once(timeout_sec=0)
    assert "not as it was" not in capfd.readouterr().err


def test_another_thread_may_remove_a_node_that_is_waited_for(ros, subscribed):
    subscribed()
    with spinning(ros.executor):
        for _ in range(20):
            other = ros.add(rclpy.create_node("other"))
            other.create_subscription(Image, TOPIC, lambda message: None, 1)
            ros.executor.remove_node(other)
            other.destroy_node()


def test_a_subscription_may_be_destroyed_by_its_own_image(ros, publisher):
    subscriptions, direct = [], []

    def take(found):
        direct.append(found[0][0].data[0])
        ros.node.destroy_subscription(subscriptions.pop())

    subscriptions.append(ros.node.create_subscription(Image, TOPIC, direct.append, QoSProfile(depth=10)))
    take_directly(subscriptions[0], take, 5)
    for number in range(3):
        publisher(number)
    ros.until(lambda: direct, "an image")
    ros.until(lambda: not ros.node.count_subscribers(TOPIC), "the end of the subscription")
    assert direct == [0]


def test_a_busy_camera_leaves_the_others_their_turn(ros, subscribed, publisher):
    """No more than `most` of its images before it is another's."""
    _, direct, _ = subscribed(most=2)
    for number in range(6):
        publisher(number)
    while len(direct) < 6:
        before = len(direct)
        ros.executor.spin_once(timeout_sec=WAIT)
        assert len(direct) <= before + 2


def test_what_a_callback_raises_ends_the_spinning(ros, subscribed, publisher):
    def fail():
        raise ValueError("of the callback")

    ros.executor.create_task(fail)
    with pytest.raises(ValueError, match="of the callback"):
        ros.until(lambda: False, "an error")


def test_the_end_of_the_context_ends_the_waiting(ros):
    begun = threading.Event()
    with spinning(ros.executor):
        ros.executor.create_task(begun.set)
        assert begun.wait(WAIT)
