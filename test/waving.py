"""People whose joints are known: they wave an arm, or bend their knees."""

import numpy as np

from har_ros.frames.skeletons import NAMES, SkeletonFrame

RATE, FRAMES = 25.0, 40
SIZE = (480, 640)
STANDING = {
    **{"nose": (0, -95), "left_eye": (4, -98), "right_eye": (-4, -98), "left_ear": (8, -96), "right_ear": (-8, -96)},
    **{"left_shoulder": (20, -75), "right_shoulder": (-20, -75), "left_elbow": (25, -50), "right_elbow": (-25, -50)},
    **{"left_wrist": (27, -25), "right_wrist": (-27, -25), "left_hip": (12, -20), "right_hip": (-12, -20)},
    **{"left_knee": (12, 20), "right_knee": (-12, 20), "left_ankle": (12, 60), "right_ankle": (-12, 60)},
}


def moving(label, seed):
    """Somebody who waves the left or right arm, or who bends the knees, in a place and of a size of their own."""
    dice = np.random.default_rng(seed)
    keypoints = np.zeros((FRAMES, 17, 3), np.float32)
    keypoints[:, :, :2] = [STANDING[name] for name in NAMES]
    phase = np.sin(np.arange(FRAMES) * dice.uniform(0.5, 0.7) + dice.uniform(0, 6))
    if label == "squat":
        upper = [NAMES.index(name) for name in NAMES if "knee" not in name and "ankle" not in name]
        keypoints[:, upper, 1] += 15 + 15 * phase[:, None]
    else:
        wrist, elbow = NAMES.index(f"{label}_wrist"), NAMES.index(f"{label}_elbow")
        keypoints[:, elbow, 1] = -80
        keypoints[:, wrist, 1] = -105
        keypoints[:, wrist, 0] += 15 * phase
    keypoints[:, :, :2] *= dice.uniform(0.8, 1.5)
    keypoints[:, :, :2] += (dice.uniform(200, 400), 250)
    keypoints[:, :, :2] += dice.normal(0, 0.5, keypoints[:, :, :2].shape)
    keypoints[:, :, 2] = 0.9
    return keypoints


def frames_of(keypoints):
    return [
        SkeletonFrame(one, SIZE, round((1 + number / RATE) * 1e9), "camera") for number, one in enumerate(keypoints)
    ]
