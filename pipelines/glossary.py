"""What the figures of the report mean, in words for a reader who meets them for the first time."""

from typing import Literal, NamedTuple


class Meaning(NamedTuple):
    """How a figure is shown.

    Attributes:
        title: Its name in words.
        unit: What it counts; a fraction is in [0, 1].
        better: Which way is better, empty where it depends.
        text: One line.
    """

    title: str
    unit: str
    better: Literal["higher", "lower", ""]
    text: str


# The order is that of the tables. A figure that is not here is shown under its own name.
FIGURES = {
    "elbo": Meaning("ELBO", "nats", "higher", "Lower bound on the log-probability of a row: less the two costs below."),
    "reconstruction": Meaning("Reconstruction", "nats", "lower", "What it still costs to say a row once z is known."),
    "kl": Meaning("KL", "nats", "", "What z says of a row (the rate). It should be near the rate that was asked for."),
    "rate": Meaning("Rate asked for", "nats", "", "A controller weighs the KL until it is this."),
    "iwae": Meaning(
        "Importance-weighted bound",
        "nats",
        "higher",
        "A tighter bound than the ELBO, from many draws of z for each row.",
    ),
    "iwae_less_elbo": Meaning(
        "Bound less ELBO",
        "nats",
        "",
        "What the bound gains on the ELBO of the very same rows; the ELBO above is of all that are evaluated.",
    ),
    "bits_per_heavy_atom": Meaning(
        "Bits per heavy atom", "bits", "lower", "The same bound spread over the atoms: comparable between notations."
    ),
    "bits_per_character": Meaning(
        "Bits per character", "bits", "lower", "The same bound spread over the characters, the end counted as one."
    ),
    "word_perplexity": Meaning(
        "Perplexity per word", "words", "lower", "As unsure of each word as if it chose evenly among this many."
    ),
    "language": Meaning(
        "Language model alone",
        "nats",
        "lower",
        "What a row costs without z, by the language model that the decoder corrects and that guides paths.",
    ),
    "iwae_less_language": Meaning(
        "Bound less language model",
        "nats",
        "higher",
        "Row by row, of the same rows: above 0 the model with its code says them better than the language model alone.",
    ),
    "amortisation_gap": Meaning(
        "Amortisation gap",
        "nats",
        "lower",
        "What the ELBO would gain if each row's posterior were refined by itself, the KL at its full weight.",
    ),
    "active_units": Meaning(
        "Active units", "fraction", "higher", "Latent dimensions that say anything; few mean a collapsed latent."
    ),
    "mutual_information": Meaning(
        "Mutual information", "nats", "higher", "How well z tells the rows apart; it cannot exceed its cap, ln(rows)."
    ),
    "exact_reconstruction": Meaning(
        "Exact reconstruction", "fraction", "higher", "Encoded, then decoded in one pass, and the very same comes out."
    ),
    "token_reconstruction": Meaning(
        "Symbol reconstruction", "fraction", "higher", "Symbols that come back at their own place."
    ),
    "tanimoto_reconstruction": Meaning(
        "Similarity to the original", "Tanimoto, 0 to 1", "higher", "Mean similarity of a molecule and what comes back."
    ),
    "word_similarity": Meaning(
        "Words kept", "fraction", "higher", "Mean share of words, in order, that a sentence and what comes back share."
    ),
    "validity": Meaning("Validity", "fraction", "higher", "Samples that are molecules at all."),
    "parse_fraction": Meaning(
        "Parses", "fraction", "higher", "Sentences that the grammar which wrote the corpus could have written."
    ),
    "parse_fraction_between_texts": Meaning(
        "Parses, given ends", "fraction", "higher", "The same, on the paths between sentences that were asked for."
    ),
    "parse_fraction_between_draws": Meaning(
        "Parses, drawn ends", "fraction", "higher", "The same, on the paths between draws of the prior."
    ),
    "uniqueness_1000": Meaning(
        "Uniqueness", "fraction", "higher", "Different ones among the first 1,000 valid samples."
    ),
    "uniqueness": Meaning("Uniqueness", "fraction", "higher", "Different ones among the samples."),
    "novelty": Meaning("Novelty", "fraction", "higher", "Different samples that are no training rows of this data."),
    "internal_diversity_1": Meaning(
        "Internal diversity", "1 less Tanimoto", "higher", "How unlike each other the samples are, mean over all pairs."
    ),
    "internal_diversity_2": Meaning(
        "Internal diversity, p = 2", "1 less Tanimoto", "higher", "The same, with similar pairs weighing more."
    ),
    "paths": Meaning("Paths", "paths", "", "Pairs of ends that were walked between."),
    "both_ends_exact": Meaning(
        "Both ends exact", "fraction", "higher", "Paths that start and end at the very two that were asked for."
    ),
    "distinct_interior_median": Meaning(
        "Different molecules on the way",
        "molecules",
        "higher",
        "Between the ends and neither of them; median over paths.",
    ),
    "distinct_median": Meaning("Different sentences", "sentences", "higher", "On one path; median over paths."),
    "spearman_median": Meaning(
        "Steadiness",
        "Spearman, -1 to 1",
        "lower",
        "Similarity to the start against place: -1 leaves the start steadily.",
    ),
    "neighbour_tanimoto": Meaning(
        "Similarity of neighbours",
        "Tanimoto, 0 to 1",
        "higher",
        "How alike a step is to the next: high is a smooth path.",
    ),
    "word_edits": Meaning(
        "Words changed a step", "words", "lower", "Words put in, left out or changed, mean over steps."
    ),
    "between_perplexity": Meaning(
        "Perplexity between the ends",
        "words",
        "",
        "Per word, by a 5-gram model of training rows that is not this model; below that of held-out rows is bland.",
    ),
    "held_out_perplexity": Meaning(
        "Perplexity of held-out rows", "words", "", "The same of all held-out sentences: what real text has."
    ),
    "at_most_one_label": Meaning(
        "At most one label changes",
        "fraction",
        "higher",
        "Of frame, tense, polarity, subject and topic, from step to step.",
    ),
    "best": Meaning("Best", "score", "higher", "The best score found."),
    "top_10": Meaning("Ten best", "score", "higher", "Mean score of the ten best."),
    "top_10_least": Meaning("Ten best, worst seed", "score", "higher", "The same of the seed where it is worst."),
    "top_10_most": Meaning("Ten best, best seed", "score", "higher", "The same of the seed where it is best."),
    "best_training": Meaning("Best training row", "score", "", "The best value measured in a training row."),
    "best_at_start": Meaning("Best before it starts", "score", "", "Of the molecules that it learns from first."),
    "on_front": Meaning("On the front", "molecules", "", "Not beaten by any other that the same search found."),
    "front_beaten": Meaning(
        "Front beaten", "fraction", "lower", "By the other: what at least one of its molecules beats in all."
    ),
    "calls": Meaning("Oracle calls", "calls", "", "What was spent, all seeds together."),
    "without_value": Meaning("Calls without a score", "calls", "lower", "Molecules for which the oracle has none."),
    "seconds": Meaning("Time", "seconds", "lower", "Oracle included, all seeds together, on the machine that ran it."),
}

PROPERTIES = {
    "qed": "QED, drug-likeness, 0 to 1",
    "log_p": "logP, greasiness",
    "sa_score": "SA score, 1 easy to 10 hard to make",
    "molecular_weight": "Molecular weight, g/mol",
    "tpsa": "Polar surface area, Å²",
    "heavy_atoms": "Heavy atoms",
    "rings": "Rings",
    "penalised_log_p": "Penalised logP (capped size)",
    "words": "Words",
    "characters": "Characters",
}

NAMES = {
    "qed": "QED",
    "log_p": "logP",
    "sa_score": "SA",
    "penalised_log_p": "Penalised logP",
    "steady": "steady",
    "slerp": "slerp",
    "prior": "Prior of training",
    "prior_fitted": "Prior fitted afterwards",
    "lerp": "lerp",
    "density": "density",
}

# What searches usually require of a molecule: the best without it are often ones that nobody would make (LOG.md).
REQUIREMENTS = {
    "sa_score<=3.5": "easy to make",
    "alerts:pains": "no pattern that often deceives assays",
    "alerts:brenk": "no group that is reactive, toxic or unstable",
}

# Slugs of rejected rows and of what standardising changed.
REASONS = {
    "unparsable": "cannot be read",
    "unrepresentable": "the notation cannot say it",
    "unknown_symbol": "holds a symbol that the model gone on from does not know",
    "unstable": "its canonical form does not read back as itself",
    "not_standardised": "rdkit refuses what standardising leads to",
    "no_carbon": "no organic part",
    "wildcard": "holds an atom of no element",
    "too_long": "longer than the limit",
    "too_many_atoms": "more heavy atoms than the limit",
    "empty": "nothing there",
    "duplicate": "the same as an earlier row",
    "encoding": "not UTF-8",
    "control_character": "holds a control character",
    "timeout": "took too long",
    "crashed": "the chemistry library crashed on it",
    "fragment": "salt or solvent taken away",
    "charge": "charge neutralised",
    "metal": "bonds to a metal cut",
    "atom_map": "atom-map numbers taken away",
}


def meaning(name: str) -> Meaning:
    """How to show a figure; a plain entry for one that is not known."""
    if name.endswith("_fitted") and (plain := FIGURES.get(name.removesuffix("_fitted"))):
        text = "The same under the prior fitted afterwards, of codes as it draws them."
        return plain._replace(title=f"{plain.title}, fitted prior", text=text)
    return FIGURES.get(name, Meaning(in_words(name), "", "", ""))


def in_words(name: str) -> str:
    """``mean_similarity`` as ``Mean similarity``."""
    text = name.replace("_", " ").replace("/", ": ").replace(".", ": ")
    return NAMES.get(name, text[:1].upper() + text[1:])


def objective_title(name: str) -> str:
    """An objective, named as ``vaemol.prediction.objective_in`` takes it, in words; a SMILES or pattern stays."""
    kind, _, given = name.partition(":")
    match kind:
        case "min":
            return f"{objective_title(given)}, to be low"
        case "property":
            return f"{given}, predicted"
    return PROPERTIES.get(name) or (name if given else in_words(name))


def reason(slug: str) -> str:
    """Why rows were rejected or how they were changed, in words."""
    return REASONS.get(slug, slug.replace("_", " "))


def number(value: float) -> str:
    """A figure as it is printed: whole numbers whole, others with at most four digits that matter."""
    if value != value:
        return "none"
    if float(value).is_integer() and (isinstance(value, int) or abs(value) >= 1000):
        text = f"{value:,.0f}"
    elif 0 < abs(value) < 0.01:
        text = f"{value:.3g}"
    else:
        digits = 3 if abs(value) <= 1 else 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
        text = f"{value:,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")
