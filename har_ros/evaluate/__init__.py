"""How well does it recognise: recordings, truth, figures, report."""
