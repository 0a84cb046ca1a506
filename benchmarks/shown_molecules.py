"""What the tables show of the result files that are of molecules alone."""

from benchmarks.shown import LESS_LANGUAGE, Matrix
from vaemol.pmo import TASKS

_BOUNDED = "nats, at most ln of the rows"
_FRACTION = "fraction, higher is better"
ROWS = {
    "pipeline_molecules_cpu": (
        ("train.rate", "rate asked for", "nats"),
        ("evaluate.test.kl", "KL of test molecules", "nats, near the rate"),
        ("evaluate.test.mutual_information", "mutual information of code and molecule", _BOUNDED),
        ("evaluate.test.mutual_information_cap", "its cap, ln of the rows", "nats"),
        ("evaluate.test.active_units", "active latent dimensions", _FRACTION),
        ("evaluate.test.iwae", "importance-weighted bound", "nats a molecule, higher is better"),
        ("evaluate.test.iwae_fitted", "the same of codes as drawn", "nats a molecule, higher is better"),
        *LESS_LANGUAGE,
        ("evaluate.test.iwae_rows", "molecules that the bounds are of", "count"),
        ("evaluate.test.language", "language model alone", "nats a molecule, lower is better"),
        ("evaluate.test.amortisation_gap", "amortisation gap", "nats, lower is better"),
        ("evaluate.test.bits_per_heavy_atom_fitted", "bits per heavy atom, of codes as drawn", "lower is better"),
        ("evaluate.train.exact_reconstruction", "exact reconstruction, training rows", _FRACTION),
        ("evaluate.test.exact_reconstruction", "exact reconstruction, test rows", _FRACTION),
        ("evaluate.train.token_reconstruction", "symbols reconstructed, training rows", _FRACTION),
        ("evaluate.test.token_reconstruction", "symbols reconstructed, test rows", _FRACTION),
        *(
            (
                f"evaluate.{split}.tanimoto_reconstruction",
                f"Tanimoto of reconstruction, {rows}",
                "mean, higher is better",
            )
            for split, rows in (("train", "training rows"), ("test", "test rows"))
        ),
        ("evaluate.prior_fitted.validity", "validity of draws", _FRACTION),
        ("evaluate.prior_fitted.uniqueness_1000", "uniqueness at 1,000", _FRACTION),
        ("evaluate.prior_fitted.novelty", "novelty, beside the training rows of this set", _FRACTION),
        ("evaluate.prior_fitted.internal_diversity_1", "internal diversity", _FRACTION),
        ("optimize.qed.calls", "oracle calls of each optimisation", "count"),
        ("optimize.qed.top_10", "QED, mean of the best ten", "higher is better"),
        ("optimize.qed.random_top_10", "the same for random draws of the prior", "higher is better"),
        ("optimize.osimertinib_mpo.top_10", "osimertinib MPO, mean of the best ten", "higher is better"),
        ("optimize.osimertinib_mpo.random_top_10", "the same for random draws of the prior", "higher is better"),
    ),
    "moses_training_row": tuple(
        (name, f"{label} (published: {published})", direction)
        for name, label, published, direction in (
            ("fcd_test", "FCD, test", ".008", "lower is better"),
            ("fcd_scaffolds", "FCD, scaffold test", ".476", "lower is better"),
            ("snn_test", "similarity to the nearest, test", ".642", _FRACTION),
            ("snn_scaffolds", "similarity to the nearest, scaffold test", ".586", _FRACTION),
            ("frag_test", "fragments, test", "1", "cosine, higher is better"),
            ("scaf_test", "scaffolds, test", ".991", "cosine, higher is better"),
            ("scaf_scaffolds", "scaffolds, scaffold test", "0", "cosine, higher is better"),
            ("internal_diversity_1", "internal diversity", ".857", _FRACTION),
            ("internal_diversity_2", "internal diversity, p = 2", ".851", _FRACTION),
            ("filters", "filters", "1", _FRACTION),
        )
    ),
    "moses_generation": (
        (
            "fcd_test",
            "FCD, test (CharRNN .073, VAE .099, JTN-VAE .395)",
            "lower is better",
        ),
        ("fcd_scaffolds", "FCD, scaffold test (.520, .567, .938)", "lower is better"),
        ("snn_test", "similarity to the nearest, test (.602, .626, .548)", _FRACTION),
        ("frag_test", "fragments, test (1, .999, .997)", "cosine, higher is better"),
        ("scaf_test", "scaffolds, test (.924, .939, .896)", "cosine, higher is better"),
        ("scaf_scaffolds", "scaffolds, scaffold test (.110, .059, .101)", "cosine, higher is better"),
        ("internal_diversity_1", "internal diversity (.856, .856, .855)", _FRACTION),
        ("internal_diversity_2", "the same, p = 2 (.850, .850, .849)", _FRACTION),
        ("filters", "filters (.994, .997, .976)", _FRACTION),
        ("validity", "valid (.975, .977, 1)", _FRACTION),
        ("unique_1k", "unique of the first 1,000", _FRACTION),
        ("unique_10k", "unique of the first 10,000", _FRACTION),
        ("novelty", "novel (.842, .695, .914)", "fraction"),
        ("guacamol_kl", "GuacaMol's KL score, against MOSES", "0 to 1, higher is better"),
        ("guacamol_fcd", "GuacaMol's FCD score, against MOSES", "0 to 1, higher is better"),
        ("exact_reconstruction_test", "come back exactly, test", _FRACTION),
        ("exact_reconstruction_test_of", "of so many", "count"),
        ("exact_reconstruction_scaffolds", "come back exactly, scaffold test", _FRACTION),
        ("exact_reconstruction_scaffolds_of", "of so many", "count"),
        ("kl", "KL of a test molecule to N(0, I)", "nats"),
        ("signal", "signal of the codes drawn", "0 to 1"),
        ("nearest_to_draws", "from a draw to the nearest code of 100,000 training molecules", "median distance"),
        ("nearest_to_test", "from a code of a test molecule, of that signal, to the same", "median distance"),
        ("parameters", "parameters", "count"),
    ),
    "recipe_moses_cpu": (
        ("evaluate.test.iwae", "importance-weighted bound", "nats a molecule, higher is better"),
        ("evaluate.test.kl", "rate: KL to the prior of training", "nats"),
        ("evaluate.test.reconstruction", "distortion: reconstruction from a draw", "nats, lower is better"),
        ("evaluate.test.iwae_fitted", "importance-weighted bound, codes as drawn", "nats a molecule, higher is better"),
        ("evaluate.test.kl_fitted", "rate of these", "nats"),
        ("evaluate.test.reconstruction_fitted", "their distortion", "nats, lower is better"),
        *LESS_LANGUAGE,
        ("evaluate.test.language", "language model alone", "nats a molecule, lower is better"),
        ("evaluate.test.mutual_information", "mutual information of code and molecule", _BOUNDED),
        ("evaluate.test.mutual_information_cap", "its cap, ln of the rows", "nats"),
        ("evaluate.test.active_units", "active latent dimensions", _FRACTION),
        ("train.seconds", "training", "seconds"),
    ),
    "recipe_broad_cpu": (
        ("evaluate.test.exact_reconstruction", "exact reconstruction, mean of the posterior, greedy", _FRACTION),
        ("evaluate.train.exact_reconstruction", "the same of as many training molecules", _FRACTION),
        ("evaluate.test.tanimoto_reconstruction", "Tanimoto similarity to what was read", _FRACTION),
        ("evaluate.test.elbo", "bound without the fitted prior", "nats a molecule, higher is better"),
        ("evaluate.test.kl", "KL to a standard normal", "nats"),
        ("evaluate.test.active_units", "active dimensions, of 64", _FRACTION),
        ("evaluate.test.iwae_fitted", "weighted bound of codes as drawn, 300 molecules", "nats, higher is better"),
        *LESS_LANGUAGE,
        ("evaluate.test.language", "language model alone", "nats a molecule, lower is better"),
        ("evaluate.prior_fitted.validity", "valid of 10,000 draws of the fitted prior", _FRACTION),
        ("evaluate.prior_fitted.uniqueness_1000", "different of the first 1,000", _FRACTION),
        ("evaluate.prior_fitted.novelty", "new", "fraction"),
        ("evaluate.prior_fitted.internal_diversity_1", "their internal diversity", _FRACTION),
        ("train.parameters", "parameters, without the prior", "count"),
        ("train.seconds", "training", "seconds"),
    ),
    "recipe_zinc_cpu": (
        ("evaluate.test.exact_reconstruction", "exact reconstruction of 5,000, from the mean, greedy", _FRACTION),
        ("evaluate.train.exact_reconstruction", "the same of as many training molecules", _FRACTION),
        ("evaluate.test.elbo", "bound without the fitted prior", "nats a molecule, higher is better"),
        ("evaluate.test.kl", "KL to a standard normal", "nats"),
        ("evaluate.test.active_units", "active dimensions, of 64", _FRACTION),
        ("evaluate.test.iwae_fitted", "weighted bound of codes as drawn, 300 molecules", "nats, higher is better"),
        *LESS_LANGUAGE,
        ("evaluate.test.language", "language model alone", "nats a molecule, lower is better"),
        ("train.seconds", "training", "seconds"),
    ),
    "zinc_generation": (
        ("exact_reconstruction_test", "come back exactly, mean of the posterior, greedy", _FRACTION),
        ("exact_reconstruction_test_of", "of so many", "count"),
        ("jtvae_protocol_reconstruction", "by the protocol of JT-VAE (.767)", _FRACTION),
        ("jtvae_protocol_reconstruction_greedy", "the same, but greedy texts", _FRACTION),
        ("validity", "valid of 30,000 draws of the prior (1)", _FRACTION),
        ("kl", "KL of a test molecule to N(0, I)", "nats"),
        ("parameters", "parameters", "count"),
    ),
}
_CURVE = (
    ("{}.minutes", "minutes", "of training"),
    ("{}.elbo", "ELBO", "nats, higher"),
    ("{}.reconstruction", "reconstruction", "nats, lower"),
    ("{}.kl", "KL", "nats"),
    ("{}.language", "language model", "nats, lower"),
    ("{}.active_units", "active dimensions", "fraction, higher"),
)
_TASK = (
    ("{}.molecules", "molecules", "count"),
    ("{}.above_a_tenth", "above .1", "count"),
    ("{}.largest_value", "largest value", "of 0 to 1"),
    ("{}.largest_difference", "largest difference", "lower"),
)
_PATHS = (
    ("{}.both_ends_exact", "both ends exact", "fraction, higher"),
    ("{}.both_ends_exact_unrefined", "the same of posterior means", "fraction, higher"),
    ("{}.validity", "valid", "fraction, higher"),
    ("{}.filters", "pass filters", "fraction, higher"),
    ("{}.spearman_median", "rank correlation with similarity to the start", "median, lower"),
    ("{}.neighbour_tanimoto_mean", "similarity of neighbours", "mean, higher"),
    ("{}.paths_without_jump", "without a jump", "fraction, higher"),
    ("{}.distinct_interior_median", "distinct between the ends", "median, higher"),
)
_WAYS = ("pure", "filled", "assisted", "straight_line", "stoned")
_PMO = (
    ("{}.auc_top10", "AUC of the best ten", "0 to 1, higher"),
    ("{}.auc_top10_at_1000", "the same of 1,000 calls", "0 to 1, higher"),
    ("{}.top10", "best ten", "mean, higher"),
)
_CONSTRAINED = (
    ("{}.success", "success", "fraction, higher"),
    ("{}.improvement", "improvement", "mean, higher"),
    ("{}.improvement_deviation", "its deviation", "over molecules"),
    ("{}.similarity", "similarity", "mean of the improved"),
    ("{}.heavy_atoms", "heavy atoms", "mean of the improved"),
    ("{}.improvement_capped", "improvement, at most 38 heavy atoms", "mean, higher"),
)
MATRICES = {
    "constrained_zinc": Matrix("constrained_zinc", "task, least similarity", _CONSTRAINED),
    **{
        f"pmo_{method}": Matrix(f"pmo_{method}", "task", _PMO, (*TASKS, "sum"))
        for method in ("structural", "structural_without_space", "genetic")
    },
    "interpolation_moses": Matrix("interpolation_moses", "paths", _PATHS, _WAYS),
    "recipe_moses_curve": Matrix("recipe_moses_cpu", "steps", _CURVE, under="curve"),
    "oracles": Matrix("oracles", "task", _TASK),
}
