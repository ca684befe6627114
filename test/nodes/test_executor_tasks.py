"""That coroutines, and functions of other threads, run at once in what takes images off rclpy's hands."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from rclpy.task import Future
from waiting import WAIT


def test_a_coroutine_hears_at_once_of_what_another_thread_did(ros):
    """A wake-up that is lost, once in two hundred, would leave the executor waiting for ever."""
    heard, deadline = [], time.monotonic() + WAIT

    async def listen(future):
        heard.append(await future)

    with ThreadPoolExecutor(1) as pool:
        for number in range(200):
            future = Future(executor=ros.executor)
            ros.executor.create_task(listen, future)

            def finish(future=future, number=number):
                future.set_result(number)
                ros.executor.wake()

            pool.submit(finish)
            while len(heard) <= number:
                assert time.monotonic() < deadline
                ros.executor.spin_once(timeout_sec=WAIT)
    assert heard == list(range(200))


def test_a_coroutine_hears_at_once_of_what_a_callback_did(ros):
    """Not with whatever comes next, which may be never."""
    future, heard = Future(executor=ros.executor), []

    async def listen():
        heard.append(await future)

    def tick():
        timer.cancel()
        future.set_result(1)

    ros.executor.create_task(listen)
    timer = ros.node.create_timer(0.05, tick)
    start = time.monotonic()
    while not heard and time.monotonic() < start + WAIT:
        ros.executor.spin_once(timeout_sec=WAIT)
    assert heard
    assert time.monotonic() < start + WAIT / 2


def test_a_function_of_another_thread_runs(ros):
    deadline = time.monotonic() + WAIT
    with ThreadPoolExecutor(1) as pool:
        for _ in range(100):
            ran = threading.Event()
            pool.submit(ros.executor.create_task, ran.set)
            while not ran.is_set():
                assert time.monotonic() < deadline
                ros.executor.spin_once(timeout_sec=WAIT)
