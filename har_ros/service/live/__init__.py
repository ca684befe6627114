"""The robot's cameras, beside the node that looks at them."""
