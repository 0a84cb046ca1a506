"""What the tables show of result files, but those that are of molecules or of sentences alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# How much better the bound of codes as drawn is than the language model.
LESS_LANGUAGE = (
    (
        "evaluate.test.iwae_less_language_fitted",
        "bound of codes as drawn less language model, row by row",
        "nats, higher is better",
    ),
    ("evaluate.test.iwae_less_language_standard_error_fitted", "standard error of that", "nats"),
)
# Place in the figures, what it is, unit and direction.
ROWS = {
    "speed_training_cpu": (
        ("molecules_per_second", "ours, base", "molecules a second"),
        ("equal.molecules_per_second", "ours, as many parameters as MOSES' VAE", "molecules a second"),
        ("small.molecules_per_second", "ours, small", "molecules a second"),
        ("eager.molecules_per_second", "plain eager loop in float32, base", "molecules a second"),
        ("moses.molecules_per_second", "MOSES' VAE and its trainer", "molecules a second"),
        ("ratio_to_moses", "base to MOSES' VAE", "ratio, higher is better"),
        ("ratio_to_moses_equal_parameters", "equal parameters to MOSES' VAE", "ratio, higher is better"),
        ("ratio_to_moses_small", "small to MOSES' VAE", "ratio, higher is better"),
        ("ratio_to_eager_fp32", "base to the plain eager loop", "ratio, higher is better"),
        ("fraction_of_limit", "base, of the limit of the machine", "fraction, higher is better"),
        ("limit_gflops", "the limit, a large matrix product in the precision used", "GFLOP/s"),
        ("base.megaflops_per_molecule", "work of a molecule, base", "MFLOP"),
        ("moses.megaflops_per_molecule", "work of a molecule, MOSES' VAE", "MFLOP"),
        ("base.parameters", "parameters, base", "count"),
        ("equal.parameters", "parameters, equal", "count"),
        ("small.parameters", "parameters, small", "count"),
        ("moses.parameters", "parameters, MOSES' VAE", "count"),
        ("moses_epoch_seconds", "a pass over MOSES' 1.58 million molecules at this rate, base", "seconds"),
    ),
    "held_out_cpu": (
        ("nats", "ours, a held-out molecule after 300 seconds", "nats, lower is better"),
        ("nats_eager_fp32", "plain eager loop in float32, the same", "nats, lower is better"),
    ),
    "speed_decoding_cpu": (
        ("molecules_per_second", "ours, base, sampled at temperature 1", "molecules a second"),
        ("greedy_molecules_per_second", "ours, base, greedy", "molecules a second"),
        ("moses.molecules_per_second", "MOSES' VAE", "molecules a second"),
        ("ratio_to_moses", "sampled to MOSES' VAE", "ratio, higher is better"),
        ("fraction_of_limit", "of the limit of the machine", "fraction, higher is better"),
        ("symbols", "symbols of a molecule", "mean"),
        ("megaflops_per_molecule", "work of a molecule", "MFLOP"),
    ),
    "speed_preparing_cpu": (
        ("rows_per_second", "the stage on all cores", "molecules a second"),
        ("bare_rdkit_rows_per_second", "bare library calls on one core", "molecules a second"),
        ("record_rows_per_second", "our own function for a row on one core", "molecules a second"),
        ("fraction_of_bare_rdkit", "the stage, of the cores times the bare calls", "fraction, higher is better"),
        ("fraction_of_record", "the stage, of the cores times our own function", "fraction, higher is better"),
        ("peak_rss_gb", "all processes together, the 1.58 million of MOSES", "GB"),
    ),
    "growth_cpu": tuple(
        (f"{work}_{by}.power", f"{text}, against {axis}", "power")
        for work, by, text, axis in (
            ("training", "rows", "a step of training", "rows of the corpus"),
            ("training", "length", "a step of training", "length"),
            ("decoding", "length", "decoding a text", "length"),
            ("training", "hidden", "a step of training", "hidden size"),
            ("decoding", "hidden", "decoding a text", "hidden size"),
        )
    ),
}


class Matrix(NamedTuple):
    """A table with a row for each of several models.

    Attributes:
        file: The result file.
        heading: Over the names of the rows.
        columns: Place in the figures, where ``{}`` is the name of the row; what it is; and its unit and direction.
        rows: Their names; every object among the figures where there are none.
        under: Where those objects are.
        labels: What rows are called, where not by their names.
    """

    file: str
    heading: str
    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[str, ...] = ()
    under: str = ""
    labels: Mapping[str, str] = MappingProxyType({})


_DIMENSIONS = (
    ("{}.elbo", "ELBO", "nats, higher"),
    ("{}.reconstruction", "reconstruction", "nats, lower"),
    ("{}.kl", "KL", "nats"),
    ("{}.mutual_information", "mutual information", "nats, higher"),
    ("{}.active_units", "active dimensions", "fraction, higher"),
    ("{}.exact_reconstruction", "exact", "fraction, higher"),
)
_RATES = (
    ("kl_{}", "KL", "nats"),
    ("mutual_information_{}", "mutual information", "nats"),
    ("active_units_fraction_{}", "active", "fraction"),
    ("reconstruction_{}", "reconstruction", "nats, lower"),
    ("elbo_{}", "ELBO", "nats, higher"),
)
_FAMILY = (
    ("{}.iw_nats", "importance-weighted", "nats, lower"),
    ("{}.elbo_nats", "minus ELBO", "nats, lower"),
    ("{}.kl", "KL", "nats"),
    ("{}.mutual_information", "mutual information", "nats"),
    ("{}.active_units", "active", "fraction"),
    ("{}.exact_reconstruction", "exact", "fraction, higher"),
    ("{}.counts_explained", "counts", "fraction, higher"),
)
_SAMPLES = {
    "tatoeba": (
        ("{}.sample_quality", "reverse perplexity to real", "ratio, lower"),
        ("{}.forward_perplexity", "forward perplexity", "lower"),
    ),
    "moses": (
        ("{}.sample_quality", "FCD", "lower"),
        ("{}.validity", "valid", "fraction, higher"),
        ("{}.uniqueness", "unique", "fraction, higher"),
    ),
}
_FITS = (
    ("{}.seconds", "in all", "seconds"),
    ("{}.rows", "rows", "count"),
    ("{}.steps", "steps", "count"),
    ("{}.cut", "cut", "into"),
    ("{}.rate", "rate asked for", "nats"),
    ("{}.kl", "KL", "nats"),
    ("{}.mutual_information", "mutual information", "nats, at most ln of the test rows"),
    ("{}.active_units", "active", "fraction"),
    ("{}.exact_reconstruction", "exact", "fraction, higher"),
    ("{}.r2", "R²", "held out, higher"),
    ("{}.forest_r2", "of a random forest", "higher"),
    ("{}.rmse", "RMSE", "held out, lower"),
    ("{}.forest_rmse", "of the forest", "lower"),
    ("{}.coverage_90", "within what is said to hold .9", "fraction, near .9"),
)
_SWAPPED = (
    ("{}.keeps_the_group_of_the_content", "group of the content", "fraction, higher"),
    ("{}.takes_the_group_of_the_style", "group of the style", "fraction, lower"),
    ("{}.right", "right by itself", "fraction, higher"),
    ("{}.is_the_row_of_the_content", "the row of the content", "fraction"),
    ("{}.is_the_row_of_the_style", "the row of the style", "fraction"),
)
MATRICES = {
    "fits_cpu": Matrix("fits_cpu", "file", _FITS),
    **{
        name: Matrix(name, "asked for, nats", _RATES, ("5", "10", "20", "40")) for name in ("rate_tatoeba", "rate_zinc")
    },
    **{
        f"families_{corpus}{suffix}": Matrix(f"families_{corpus}", "family", _FAMILY + samples, under=under)
        for corpus, samples in _SAMPLES.items()
        for suffix, under in (("", ""), ("_seeds", "over_seeds"))
    },
    **{
        f"high_rate_{corpus}": Matrix(f"high_rate_{corpus}", "model", _FAMILY + samples)
        for corpus, samples in _SAMPLES.items()
    },
    **{
        f"dimensions_{domain}": Matrix(f"dimensions_{domain}", "dimensions", _DIMENSIONS)
        for domain in ("molecules", "sentences")
    },
    **{
        name: Matrix(
            name,
            "groups, content",
            _SWAPPED,
            tuple(f"{groups}.content_of_a_{of}" for groups in ("true", "shuffled") for of in ("row", "group")),
        )
        for name in ("groups_molecules", "groups_sentences")
    },
}
