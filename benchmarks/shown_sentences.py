"""What the tables show of the result files that are of sentences alone."""

from benchmarks.shown import LESS_LANGUAGE, Matrix

_FRACTION, _NATS = "fraction, higher is better", "nats of a sentence, lower is better"
_FILLERS = {
    "": "VAE, a draw of the posterior",
    "likeliest_": "VAE, the likeliest of its particles",
    "twin_": "language model, beam search",
    "twin_drawn_": "language model, a draw of the posterior",
    "language_": "the VAE's own language model, beam search",
    "language_drawn_": "the VAE's own language model, a draw",
    "control_": "symbols drawn at random",
}
_COMPARED = {
    f"{ours}less_{theirs}": f"{_FILLERS[ours]}, less {_FILLERS[theirs]}"
    for which in ("twin_", "language_")
    for ours, theirs in (("", which), ("likeliest_", which), ("", f"{which}drawn_"))
}
ROWS = {
    "pipeline_sentences_cpu": (
        ("train.rate", "rate asked for", "nats"),
        ("evaluate.test.kl", "KL of test sentences", "nats, near the rate"),
        (
            "evaluate.test.mutual_information",
            "mutual information of code and sentence",
            "nats, at most ln of the rows",
        ),
        ("evaluate.test.mutual_information_cap", "its cap, ln of the rows", "nats"),
        ("evaluate.test.active_units", "active latent dimensions", "fraction, higher is better"),
        ("evaluate.test.iwae", "importance-weighted bound", "nats a sentence, higher is better"),
        ("evaluate.test.iwae_fitted", "the same of codes as drawn", "nats a sentence, higher is better"),
        *LESS_LANGUAGE,
        ("evaluate.test.iwae_rows", "sentences that the bounds are of", "count"),
        ("evaluate.test.amortisation_gap", "amortisation gap", "nats, lower is better"),
        ("evaluate.test.language", "language model alone", "nats a sentence, lower is better"),
        ("evaluate.test.word_perplexity_fitted", "perplexity per word, of codes as drawn", "lower is better"),
        ("evaluate.test.bits_per_character_fitted", "bits per character, of codes as drawn", "lower is better"),
        ("evaluate.test.exact_reconstruction", "exact reconstruction, test rows", "fraction, higher is better"),
        ("evaluate.prior_fitted.parse_fraction", "draws that parse", "fraction, higher is better"),
        ("evaluate.prior.parse_fraction", "the same of the prior of training", "fraction, higher is better"),
        *(
            (
                f"interpolate.{kind}.parse_fraction{which}",
                f"sentences on {ways} that parse{ends}",
                "fraction, higher is better",
            )
            for kind, ways in (
                ("steady", "steady paths"),
                ("slerp", "arcs (--plain)"),
                ("lerp", "straight lines (--plain --kind lerp)"),
            )
            for which, ends in (
                ("", ", the ends too"),
                ("_between_texts", ", between test sentences"),
                ("_between_draws", ", between draws of the prior"),
            )
        ),
        (
            "interpolate.slerp.both_ends_exact",
            "arcs whose both ends are the sentences given",
            "fraction, higher is better",
        ),
        (
            "interpolate.slerp.at_most_one_label",
            "steps on arcs that change at most one label",
            "fraction, higher is better",
        ),
    ),
    "fresh_sentences_cpu": (
        ("exact_reconstruction", "exact reconstruction of 1,000 new sentences", "fraction, higher is better"),
        ("slerp.parse_fraction", "540 on arcs that parse (ends too; 180 between draws)", "fraction, higher is better"),
        ("lerp.parse_fraction", "the same on straight lines", "fraction, higher is better"),
    ),
    "ptb": (
        ("importance_weighted_perplexity", "VAE, importance-weighted", "perplexity, lower is better"),
        ("twin_perplexity", "language model of the same decoder", "perplexity, lower is better"),
        ("importance_weighted_nats", "VAE, importance-weighted", "nats of a sentence, lower is better"),
        ("twin_nats", "language model of the same decoder", "nats of a sentence, lower is better"),
        ("elbo_nats", "VAE, minus the evidence lower bound", "nats of a sentence, lower is better"),
        ("samples", "importance samples", "count"),
        ("kl", "KL", "nats"),
        ("mutual_information", "mutual information of code and sentence", "nats, at most ln of the rows"),
        ("mutual_information_cap", "its cap, ln of the rows", "nats"),
        ("active_units", "active latent dimensions, of 32", "count, higher is better"),
        ("validation_perplexity.standard_normal", "validation, prior of training", "perplexity, lower is better"),
        ("validation_perplexity.fitted", "validation, prior fitted afterwards", "perplexity, lower is better"),
        ("validation_twin_perplexity", "validation, language model", "perplexity, lower is better"),
        ("parameters", "parameters, VAE", "count"),
        ("twin_parameters", "parameters, language model", "count"),
    ),
    "imputation_tatoeba": (
        ("effective_codes", "codes of 64 that have the weight, median of 500 test sentences", "count"),
        ("judges_learnt_from", "sentences that the judges learnt from", "count"),
        ("judged", "sentences that they judge", "count"),
        ("gaps", "gaps whose likelihood is estimated", "count"),
        ("gap_words", "whole words of such a gap", "mean"),
    ),
    "reconstruction_tatoeba": (
        ("exact", "exact reconstruction, test rows", _FRACTION),
        ("exact_of", "of so many sentences", "count"),
        ("with_unknown", "of them with an unknown symbol", "count"),
        ("bleu", "BLEU, words and punctuation marks", "0 to 1, higher is better"),
        ("kl", "KL", "nats"),
        ("iw_nats", "importance-weighted, prior of training", _NATS),
        ("elbo_nats", "minus the evidence lower bound, prior of training", _NATS),
        ("iw_nats_fitted", "importance-weighted, codes as drawn by the fitted prior", _NATS),
        ("twin_nats", "language model of as many units", _NATS),
    ),
    "recipe_tatoeba_more_cpu": (
        ("evaluate.test.exact_reconstruction", "exact reconstruction, from the posterior's mean, greedy", _FRACTION),
        ("evaluate.train.exact_reconstruction", "the same of as many training sentences", _FRACTION),
        ("evaluate.test.word_similarity", "words given back in order, twice those over all of both", _FRACTION),
        ("evaluate.test.elbo", "bound without the fitted prior", "nats a sentence, higher is better"),
        ("evaluate.test.kl", "KL to a standard normal", "nats"),
        ("evaluate.test.active_units", "active dimensions, of 64", _FRACTION),
        ("evaluate.test.iwae_fitted", "weighted bound of codes as drawn, 300 sentences", "nats, higher is better"),
        *LESS_LANGUAGE,
        ("evaluate.test.language", "language model alone", _NATS),
        ("evaluate.prior_fitted.uniqueness", "uniqueness of 5,000 draws of the fitted prior", _FRACTION),
        ("evaluate.prior_fitted.novelty", "their novelty", _FRACTION),
        ("train.parameters", "parameters, without the prior", "count"),
    ),
    "samples_tatoeba": (
        ("forward_perplexity", "forward, draws", "perplexity, lower is better"),
        ("forward_perplexity_of_text", "forward, test sentences", "perplexity"),
        ("reverse_perplexity", "reverse, draws", "perplexity, lower is better"),
        ("reverse_perplexity_of_text", "reverse, as many training sentences", "perplexity"),
        ("reverse_perplexity_ratio", "reverse, draws to text", "ratio, lower is better"),
        ("unseen_words", "words that training does not have, of words and ends", "fraction, lower is better"),
        ("uniqueness", "uniqueness", _FRACTION),
        ("novelty", "novelty", _FRACTION),
    ),
}

_SENTENCE_PATHS = (
    ("{}.both_ends_exact", "both ends exact", "fraction, higher"),
    ("{}.both_ends_exact_unrefined", "the same of posterior means", "fraction, higher"),
    ("{}.distinct_median", "distinct of 11", "median, higher"),
    ("{}.paths_of_8_distinct", "paths of 8 distinct", "fraction, higher"),
    ("{}.length_ratio_median", "length to distance", "median, lower"),
    ("{}.perplexity_ratio", "perplexity to that of text", "ratio, near 1"),
    ("{}.unseen_words", "words unseen in training, of words and ends", "fraction, lower"),
    ("{}.with_unknown", "sentences with `<unk>`", "count, 0 is asked for"),
)
_SHIFTED = tuple(
    (f"{{}}.{how}.{figure}", f"{text}, {what}", "fraction, " + ("lower" if how.endswith("control") else "higher"))
    for how, text in (
        ("nearest", "nearest"),
        ("nearest_control", "its control"),
        ("strength_1", "shift of 1"),
        ("control", "its control"),
    )
    for figure, what in (("changed", "label changes"), ("both", "and the others stay"))
)
_CHANGED = (
    "polarity_affirmative_to_negative",
    "polarity_negative_to_affirmative",
    "tense_past_to_future",
    "tense_future_to_past",
    "tense_present_to_past",
    "tense_past_to_present",
    "subject_he_she_to_we",
    "subject_we_to_he_she",
    "subject_he_she_to_they",
    "subject_they_to_he_she",
)
_CURVE = (
    ("{}.exact", "exact", "fraction, higher"),
    ("{}.bleu", "BLEU", "0 to 1, higher"),
    ("{}.bleu_valid", "BLEU of validation sentences", "0 to 1, higher"),
    ("{}.kl", "KL", "nats"),
    ("{}.iw_nats", "importance-weighted", "nats, lower"),
    ("{}.iw_nats_fitted", "the same, prior fitted afterwards", "nats, lower"),
    ("{}.elbo_nats", "minus ELBO", "nats, lower"),
    ("{}.twin_nats", "language model", "nats, lower"),
)
_LENGTHS = {"1_to_6": "up to 6", "7_to_9": "7 to 9", "10_or_more": "10 or more"}
_OF_LENGTH = (
    ("{}.exact", "exact", "fraction, higher"),
    ("{}.exact_of", "sentences", "count"),
    ("{}.bleu", "BLEU", "0 to 1, higher"),
)
_GAPS = {
    "": "VAE",
    "_of_a_quarter_of_the_samples": "VAE, a quarter of the samples",
    "_twin": "language model",
    "_masked_lm": "bidirectional model of gaps, equal size",
    "_less_masked_lm": "VAE less the model of gaps",
}
_LIKELIHOOD = (
    ("gap_nats{}", "a gap", "nats, lower"),
    ("gap_nats{}_standard_error", "its standard error", "nats"),
    ("gaps_below_0{}", "gaps of less than no nats, which no gap has", "fraction, 0 is right"),
)
_JUDGED = (
    ("{}adversarial_error_lstm", "LSTM judge", "accuracy less .5, lower"),
    ("{}adversarial_error_lstm_standard_error", "its standard error", "fraction"),
    ("{}adversarial_error_bag_of_words", "bag-of-words judge", "accuracy less .5, lower"),
    ("{}adversarial_error_bag_of_words_standard_error", "its standard error", "fraction"),
    ("{}filled_with_the_truth", "filled as it was", "fraction"),
    ("{}filled_with_the_truth_of_learnt", "the same of what the judges learnt from", "fraction"),
)
_LESS = (
    ("{}lstm", "LSTM judge", "accuracy, lower"),
    ("{}lstm_standard_error", "its paired standard error", "fraction"),
    ("{}bag_of_words", "bag-of-words judge", "accuracy, lower"),
    ("{}bag_of_words_standard_error", "its paired standard error", "fraction"),
)
MATRICES = {
    "imputation_fillers": Matrix("imputation_tatoeba", "filled by", _JUDGED, tuple(_FILLERS), labels=_FILLERS),
    "imputation_differences": Matrix("imputation_tatoeba", "of", _LESS, tuple(_COMPARED), labels=_COMPARED),
    "imputation_gaps": Matrix("imputation_tatoeba", "by", _LIKELIHOOD, tuple(_GAPS), labels=_GAPS),
    "attributes_everyday": Matrix("attributes_everyday", "label", _SHIFTED, _CHANGED),
    "paths_tatoeba": Matrix("paths_tatoeba", "paths", _SENTENCE_PATHS, ("steady", "plain", "straight_line")),
    "reconstruction_lengths": Matrix(
        "reconstruction_tatoeba", "words", _OF_LENGTH, tuple(_LENGTHS), "by_length", _LENGTHS
    ),
    "reconstruction_ptb": Matrix("reconstruction_ptb", "rate asked for", _CURVE),
}
