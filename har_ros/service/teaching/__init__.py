"""Teaching over HTTP: datasets, their clips, the check, and the training, each in processes of their own."""
