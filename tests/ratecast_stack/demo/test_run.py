from __future__ import annotations

from ratecast.settings import Settings
from ratecast_stack.demo.run import with_ranges_ahead
from tests.bundles import training_stats


def test_the_demo_forecasts_all_steps_that_its_model_has_unless_the_user_chose():
    stats = training_stats()
    assert with_ranges_ahead(Settings(), stats).horizons == "2,5,10,21"
    assert with_ranges_ahead(Settings(horizons="5"), stats).horizons == "5"
    assert with_ranges_ahead(Settings(horizons="none"), stats).horizons == "none"
    older = stats.model_copy(update={"horizons": {}})
    assert with_ranges_ahead(Settings(), older).horizons == "none"
