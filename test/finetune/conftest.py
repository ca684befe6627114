import pytest


@pytest.fixture
def interrupted(run, tmp_path, monkeypatch):
    """Trains for two of four epochs into the folder `resumed`, of which nothing is there then."""
    from har_ros.finetune import finetune, training  # which need PyTorch

    class Interrupted(training.Finetuning):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finetune, "Finetuning", Interrupted)
        run("--epochs", "4", output="resumed", status=130)
    assert not (tmp_path / "resumed").exists()
