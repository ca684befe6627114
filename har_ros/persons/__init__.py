"""From poses to people: decoding, tracks, crops and skeletons."""
