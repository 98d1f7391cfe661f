"""What a coder of Table 1 knows of a model."""

from experiments.table1 import learned
from experiments.table1.learned import Rec
from rec_jax.codec.calibrate import N_IMAGES
from rec_jax.coders import StepCountModel
from tests.experiments.quick_table import QUICK, quick_column


def test_only_a_coder_that_no_preset_names_is_taught_and_once(model, monkeypatch):
    """A preset is measured as the command takes it: with what the model file holds."""
    taught = []

    def calibrate(package, images):
        taught.append((package.coder, images.shape))
        return (StepCountModel(1, 200, 160),)

    monkeypatch.setattr(learned, "calibrate_step_counts", calibrate)
    column, rec = quick_column(models=model), Rec("irec", 0, options=dict(QUICK.irec))
    (job,), (again,) = rec.jobs(column), rec.jobs(column)
    assert job.cell.rows_name == again.cell.rows_name
    ((coder, shape),) = taught
    assert repr(coder) in job.cell.made_by and shape == (N_IMAGES, 32, 32, 3)
    (preset,) = Rec("rec", 0).jobs(column)
    assert len(taught) == 1 and preset.cell.rows_name != job.cell.rows_name
