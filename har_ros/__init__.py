"""Human action recognition for robots: camera topics in, actions out."""
