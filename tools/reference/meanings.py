"""What each code and each file means, in words that the code itself has no room for.

The pages look every code up here, so a code without a meaning stops `make reference` and its test.
"""

from __future__ import annotations

from producer.feed.source import Reason
from ratecast.contract.alerts import Alert
from ratecast.errors import ErrorCode
from ratecast.model.bundle import JOBLIB, MANIFEST, ONNX, PARITY, REPORT, STATS

ALERTS = {
    Alert.JUMP: "The rate moved more than about 7 times the volatility before it.",
    Alert.LEVEL_CONE: "The rate is farther from the last training rate than its pair ever went in that time. For a message "
    "without a date, that time is six years.",
    Alert.STUCK: "The rate has repeated at least four times (more for pairs that often stand still).",
    Alert.DECIMAL_SLIP: "The rate is 10, 100, 1/10 ... times the rate before the step. The alert lasts as long as the step is in "
    "the history.",
    Alert.INVERTED_QUOTE: "The rate is about 1 / the rate before the step. The alert lasts as long as the step is in the history.",
    Alert.GAP: "The rate comes more than 5 days after the one before, or rates are missing among the last 20, or the dates go "
    "backwards. It needs `times`.",
    Alert.CARRIED_FORWARD: "All Saturdays or all Sundays of the history (at least two) repeat the rate before them. This is no "
    "fault, but those days are no observations either. It needs `times`.",
    Alert.VOLATILITY_REGIME: "The last ten returns are about twice as wild as in training. This is about the market, not about "
    "the feed.",
}

DEAD_LETTERS = {
    ErrorCode.EMPTY_VALUE: "The value is empty or null (a tombstone).",
    ErrorCode.INVALID_ENCODING: "The value is not plain UTF-8 text: another encoding, a byte-order mark, a schema registry's "
    "framing, or a compressed value. The message names it. Also used for records of a batch that nobody can read.",
    ErrorCode.INVALID_JSON: "The value is not JSON, contains NaN or Infinity, has a key twice in one object, or is nested deeper "
    "than 200 levels.",
    ErrorCode.SCHEMA_VIOLATION: "The value is not an object, a field is missing or has a wrong type or form, or the history has "
    "more than 1,024 rates.",
    ErrorCode.HISTORY_TOO_SHORT: "The history has fewer than 3 rates.",
    ErrorCode.INVALID_RATE: "A rate is zero, negative or not finite.",
    ErrorCode.UNKNOWN_PAIR: "The model was not trained on this pair.",
    ErrorCode.TOO_LARGE: "The value is longer than `RATECAST_MAX_MESSAGE_BYTES`, or key and headers are, or the output topic "
    "cannot take the prediction.",
    ErrorCode.SCORING_FAILED: "The range would leave what a float64 can hold, or scoring this record failed unexpectedly.",
}

REFUSALS = {
    Reason.ERROR_PAGE: "The answer is an HTML page or an error message instead of rates. Open the address in a browser.",
    Reason.EMPTY: "The answer has no content or not one rate. If it lasts, ask the source's operator.",
    Reason.TRUNCATED: "A zip, a document or the last line ends too early. It is fetched again.",
    Reason.MALFORMED: "A row, column, file or answer is not in the format of the source. Check the kind of source and the address.",
    Reason.WRONG_BASE: "A rate has another base currency than the one that was asked for, or base and quote are swapped.",
    Reason.INVALID_RATE: "A rate is not a positive finite number in plain ASCII digits with a decimal point.",
    Reason.INVALID_DAY: "A date is not `2026-04-13`, `13 April 2026` or `13 Apr 2026`, or is before the source's first day.",
    Reason.FUTURE_DAY: "A date is later than the source can publish by now. Check this machine's clock too.",
    Reason.CLOSED_DAY: "A date is a weekend or a closing day of the source, so its rates repeat an earlier day.",
    Reason.TWICE: "A pair and day comes a second time in one answer, with another rate. The first rate counts.",
    Reason.SCREENED: "A rate looks like a fault beside the rates before it.",
    Reason.TOO_LARGE: "A file or what a zip unpacks to is beyond the limit of 16 MB.",
}

BUNDLE_FILES = {
    ONNX: "The forest as an ONNX model. Workers run this file. It contains no pickle.",
    JOBLIB: "The scikit-learn forest, the source of the ONNX model. Workers never load it: it is a pickle.",
    PARITY: "64 inputs and the forest's answers. Whoever loads the bundle checks that the ONNX model gives the same answers.",
    STATS: "Everything else a forecast needs. Its fields are below.",
    MANIFEST: "The SHA-256 of every other file, library versions, a digest of the data, the dates of the splits, and the seed.",
    REPORT: "The training report with pictures, one HTML file without external resources.",
}

# Fields of a prediction whose name says it, for a reader who wants to be sure.
FIELD_NOTES = {
    "message_id": "The input's `message_id`, or `topic-partition-offset`.",
    "pair": "The pair that was scored.",
    "as_of": "The input's `as_of`.",
    "intervals.80": "`[lower, upper]`: holds the next rate in 80 of 100 cases.",
    "intervals.95": "`[lower, upper]`: holds the next rate in 95 of 100 cases.",
    "horizons.intervals.80": "`[lower, upper]`: holds that rate in 80 of 100 cases.",
    "horizons.intervals.95": "`[lower, upper]`: holds that rate in 95 of 100 cases.",
    "features.lag_2": "The rate before it.",
    "features.lag_3": "The rate before that.",
    "drift.is_drift": "Whether any feature drifted.",
    "model_version": "The version of the model that scored it.",
    "scored_at": "When it was scored, in UTC.",
    "source.topic": "The topic of the record.",
    "source.partition": "The partition of the record.",
    "source.offset": "The offset of the record.",
}

BUNDLE_FIELDS = {
    "model_version": "The version, which is also the directory's name.",
    "created_at": "When the bundle was written.",
    "libraries": "The versions of Python, ratecast and every library that the model depends on.",
    "data_digest": "SHA-256 of the rates that it was trained on.",
    "split_dates": "Which days were used for fitting, for validating and for testing.",
    "seed": "The random seed of the forest.",
    "default_pair": "The pair of messages that do not name one.",
    "drift_std_threshold": "A feature drifts beyond this many standard deviations from its training mean.",
    "pairs": "What training saw of each pair.",
    "first_date": "The date of the pair's oldest training rate.",
    "last_date": "The date of the pair's newest training rate.",
    "last_rate": "The pair's newest training rate.",
    "features": "The distribution of each feature over the training rows.",
}

METRIC_NOTES = {
    "accuracy_changes_total": "`worse`: errors became larger. `better`: they became smaller.",
    "blocked_partitions": "`/ready` says which, and what to do.",
    "data_drift_requests_total": "The rule is that of `drift` in a [prediction](messages.md#prediction).",
    "data_quality_alerts_total": "The alerts are listed under [codes](codes.md#data-quality-alerts).",
    "dead_letters_total": "The codes are listed under [codes](codes.md#dead-letters).",
    "feature_importance": "`feature` is one of the 11 inputs of the range forest. There is no series if the forest does not change the ranges.",
    "feature_drift_score": "`test` is `ks` (Kolmogorov-Smirnov) or `psi` (population stability index). It covers the last 500 returns, and is shown from 250 on.",
    "forecast_error_ratio": "It covers the last 500 messages, and is shown from 100 on.",
    "group_join_refused": "`/ready` says why, and what to do.",
    "http_requests_total": "These are requests for `/metrics`, `/health` and `/ready`.",
    "model_drift_input_score": "`feature` is an input of the range forest.",
    "model_drift_score": "It is the sum of `model_drift_input_score` times `feature_importance`. It covers the last 500 messages with at least 61 rates, and is shown from 250 on.",
    "model_drift_score_threshold": "In training 2.5 % of windows without a fault exceeded it.",
    "model_reloads_total": "`loaded` or `refused`.",
    "model_refused": "`/ready` and a log line name the model and the reason.",
    "scoring_errors_total": "These messages become `scoring_failed` dead letters.",
    "shadow_absolute_error_total": "`model` is `champion` (the model in use) or `shadow`. The sigma is the champion's, for both. All sums start again when either model changes.",
    "shadow_compared_forecasts_total": "Both models must see no fault of the feed in the message.",
    "shadow_last_rate_error_total": "The sigma is the champion's.",
    "shadow_left_out_messages_total": "`busy`: earlier batches still waited for the shadow model. `failed`: scoring raised an error. `rejected`: the shadow model would have made it a dead letter.",
    "shadow_model_info": "There is no series without a shadow model.",
    "shadow_model_refused": "A log line names the model and the reason. The model in use is not affected.",
    "shadow_rates_inside_total": "Divided by the compared forecasts it is the coverage.",
    "shadow_winkler_score_total": "Divided by the compared forecasts it is the mean Winkler score. Smaller is better.",
    "transactions_total": "`committed`, `aborted`, or `fenced`: another worker took the partition over.",
}
