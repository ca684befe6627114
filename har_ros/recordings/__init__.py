"""Videos, bags and cameras as sources of images, and what writes them."""
