"""The clip service: videos come in over HTTP, worker processes recognise, results stay for some days."""
