"""Videos that wait, the processes that look at them, and what these find."""
