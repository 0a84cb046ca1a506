"""Files as the stages write them, with made-up figures."""

from pipelines.stage import DOMAINS

import csv
import json
import math
import random

import pytest

from pipelines import tracking

SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "CC(=O)Nc1ccc(O)cc1",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "O=C(O)c1ccccc1Nc1cccc(C(F)(F)F)c1",
    "COc1ccc2[nH]cc(CCNC(C)=O)c2c1",
    "CN1CCN(C(=O)c2ccc(Cl)cc2)CC1",
    "O=S(=O)(Nc1ccccn1)c1ccc(N)cc1",
)
TEXTS = (
    "The old sailor did not sell his boat.",
    "The old sailor did not sell the house.",
    "The young teacher did not sell the house.",
    "The young teacher never bought the house.",
    "Why did the young teacher buy the house?",
)
OBJECTIVES = ("qed", "penalised_log_p")
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
WORDS = [("frame", ("statement", "question", "quote")), ("tense", ("past", "present", "future", "perfect"))]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A store without runs: MLflow takes ten seconds to make one."""
    root = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with tracking._client(root) as client:
            client.search_experiments()
    return root / "mlflow.db"


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def write_outputs(root, smiles=SMILES, texts=TEXTS):
    """Files as the stages write them, with made-up figures."""
    chance = random.Random(0)
    write_params(root)
    for domain in DOMAINS:
        write_data(root, domain)
        write_training(root, domain)
        write_evaluation(root, domain, smiles if domain == "molecules" else texts, chance)
    write_molecule_paths(root, smiles, chance)
    write_sentence_paths(root, texts)
    write_optimisation(root, smiles, chance)


def write_params(root):
    empty = ("data: {source: made}", "prepare: {}", "model: {}", "train: {rate: 15}", "evaluate: {}", "interpolate: {}")
    both = {domain: [*empty, "optimize: {}"] if domain == "molecules" else empty for domain in DOMAINS}
    (root / "params.yaml").write_text("\n".join(f"{d}:\n  " + "\n  ".join(sections) for d, sections in both.items()))


def write_data(root, domain):
    name = {"molecules": "builtin", "sentences": "everyday"}[domain]
    files = [{"path": f"{name}.csv", "sha256": "ab" * 32, "bytes": 812_345}]
    write_json(root / "data/raw" / domain / "source.json", {"name": name, "licence": "BSD-3-Clause", "files": files})
    write_json(
        root / "data/prepared" / domain / "summary.json",
        {
            "source": name,
            "licence": "BSD-3-Clause",
            "input": 14_999,
            "accepted": 14_803,
            "rejected": {"duplicate": 143, "too_long": 41, "unparsable": 12},
            "changed": {"salt": 402, "charge": 1_377} if domain == "molecules" else {},
            "copies": 0,
            "split": {"train": 13_400, "valid": 701, "test": 702},
            "notation" if domain == "molecules" else "cut": "selfies" if domain == "molecules" else "words",
            "vocabulary": 88,
            "symbols_mean": 31.4,
            "symbols_max": 97,
        },
    )


def write_training(root, domain):
    rows = []
    for step in range(50, 6001, 50):
        for split in ("train", "valid") if step % 500 == 0 else ("train",):
            kl = 15 - 15 * math.exp(-step / 400) + math.sin(step) / 3
            cost = 24 + 60 * math.exp(-step / 900) + (split == "valid") * step / 1500
            rows.append(
                {
                    "step": step,
                    "epoch": step / 210,
                    "seconds": step * 0.1,
                    "split": split,
                    "loss": cost + 0.4 * kl if split == "train" else "",
                    "elbo": -cost - kl,
                    "reconstruction": cost,
                    "kl": kl,
                    "mutual_information": min(6.2, kl) if split == "valid" else "",
                }
            )
    write_csv(root / "reports" / domain / "train" / "history.csv", rows)
    kept = {"elbo": -43.2, "kl": 15.1, "rate": 15.0, "best_step": 5500, "steps": 6000, "parameters": 1_204_311}
    write_json(root / "reports" / domain / "train.json", kept)


def write_evaluation(root, domain, texts, chance):
    split = {
        "elbo": -43.21,
        "reconstruction": 28.1,
        "kl": 15.11,
        "active_units": 1.0,
        "active_units_of": 32,
        "mutual_information": 6.47,
        "mutual_information_cap": 6.55,
        "rows": 700,
        "iwae": -41.87,
        "iwae_samples": 50,
        "iwae_rows": 300,
        "amortisation_gap": 1.32,
        "amortisation_gap_rows": 100,
        "exact_reconstruction": 0.061,
        "exact_reconstruction_of": 700,
        "token_reconstruction": 0.412,
    }
    if domain == "molecules":
        split |= {"bits_per_heavy_atom": 2.71, "tanimoto_reconstruction": 0.389}
        prior = {"validity": 1.0, "validity_of": 1000, "uniqueness_1000": 0.998, "uniqueness_1000_of": 1000}
        prior |= {"novelty": 0.993, "novelty_of": 998, "internal_diversity_1": 0.872, "internal_diversity_1_of": 1000}
    else:
        split |= {"bits_per_character": 0.83, "word_perplexity": 7.6, "word_similarity": 0.97}
        prior = {"parse_fraction": 0.961, "parse_fraction_of": 1000, "novelty": 0.89, "novelty_of": 999}
    write_json(
        root / "reports" / domain / "evaluate.json",
        dict.fromkeys(("train", "valid", "test"), split) | {"prior": prior},
    )
    folder = root / "reports" / domain / "evaluate"
    key = "smiles" if domain == "molecules" else "text"
    properties = {"qed": 0.71, "log_p": 2.35} if domain == "molecules" else {"words": 8}
    write_csv(folder / "samples.csv", [{key: texts[i % len(texts)]} | properties for i in range(24)])
    pairs = [(a, b) for a in texts for b in (a, texts[0])]
    write_csv(
        folder / "reconstructions.csv",
        [
            {
                "split": "test",
                "original": a,
                "reconstruction": b,
                "exact": a == b,
                "similarity": 1.0 if a == b else 0.31,
            }
            for a, b in pairs
        ],
    )
    write_csv(folder / "latent_map.csv", [map_row(domain, texts, chance) for _ in range(600)])


def write_manifold(root, domain, side, texts=None):
    texts = texts or (SMILES if domain == "molecules" else TEXTS)
    places = [2 * (i + 0.5) / side - 1 for i in range(side)]
    cells = [(i, j) for i in range(side) for j in range(side)]
    rows = [
        {"row": i, "column": j, "z_1": places[j], "z_2": -places[i], "text": texts[(i + j) % len(texts)]}
        for i, j in cells
    ]
    write_csv(root / "reports" / domain / "evaluate/manifold.csv", rows)


def map_row(domain, texts, chance):
    x, y = chance.gauss(0, 1), chance.gauss(0, 0.6)
    row = {"split": "train", "text": chance.choice(texts), "x": round(x, 4), "y": round(y, 4)}
    if domain == "molecules":
        weight = 300 + 60 * y + chance.gauss(0, 15)
        return row | {
            "qed": 0.5 + 0.1 * x,
            "log_p": 2 + x + chance.gauss(0, 0.3),
            "molecular_weight": weight,
            "rings": 3,
        }
    labels = {name: kinds[min(len(kinds) - 1, int(abs(x) * 2))] for name, kinds in WORDS}
    return row | labels | {"topic": f"topic {int(abs(y) * 12)}", "words": 6 + int(abs(x) * 3)}


def write_molecule_paths(root, smiles, chance):
    rows = []
    for path, (origin, start) in enumerate([("named", 0), ("held_out", 2), ("held_out", 4), ("random", 5)]):
        for kind in ("slerp", "lerp"):
            ends = smiles[start], smiles[(start + 1) % len(smiles)]
            for step in range(9):
                text = ends[step > 4] if step not in (3, 4) else smiles[(start + 3) % len(smiles)]
                given = {0: ends[0], 8: ends[1]}.get(step, "") if origin != "random" else ""
                row = {"path": path, "origin": origin, "kind": kind, "step": step, "t": step / 8}
                row |= {"text": text, "given": given}
                row |= {
                    "valid": True,
                    "qed": round(chance.random(), 4),
                    "similarity_start": 1 - step / 8,
                    "similarity_end": step / 8,
                }
                rows.append(row)
    write_csv(root / "reports/molecules/interpolate/paths.csv", rows)
    write_json(
        root / "reports/molecules/interpolate.json",
        {
            "slerp": {"held_out": {"validity": 1.0, "validity_of": 36}, "random": {"validity": 0.97}},
            "lerp": {"validity": None},
        },
    )
    write_csv(root / "reports/molecules/interpolate/posterior_table.csv", [cloud(text, smiles) for text in smiles[:3]])


def cloud(text, texts):
    return {"input": text, "mean": text, "sample_1": texts[0], "sample_2": texts[1], "sample_3": texts[2]}


def write_sentence_paths(root, texts):
    rows = []
    for path, origin in enumerate(("held_out", "held_out", "random")):
        for kind in ("slerp", "lerp"):
            for step in range(9):
                text = texts[min(len(texts) - 1, step // 2 + (kind == "lerp"))]
                given = {0: texts[0], 8: texts[-1]}.get(step, "") if origin == "held_out" else ""
                row = {"path": path, "origin": origin, "kind": kind, "step": step, "t": step / 8}
                row |= {"text": text, "given": given}
                rows.append(row | {"parses": step != 5})
    write_csv(root / "reports/sentences/interpolate/paths.csv", rows)
    write_json(root / "reports/sentences/interpolate.json", {"parse_fraction": 0.96, "parse_fraction_of": 270})
    write_csv(root / "reports/sentences/interpolate/posterior_table.csv", [cloud(text, texts) for text in texts])
    gap = {"text": texts[0].replace(" ", " ___ ", 1), "original": texts[0]}
    ways = [gap | {"completion": text, "weight": 0.5 / i} for i, text in enumerate(texts[:3], 1)]
    write_csv(root / "reports/sentences/interpolate/imputed.csv", ways)


def write_optimisation(root, smiles, chance):
    rows = []
    for objective in OBJECTIVES:
        for method in ("structural", "random_prior"):
            for seed in range(2):
                best = 0.2
                for call in range(1, 121):
                    value = chance.random() * (0.95 if method == "structural" else 0.8)
                    best = max(best, value)
                    row = {"objective": objective, "method": method, "seed": seed, "call": call, "smiles": smiles[0]}
                    rows.append(row | {"value": value, "best_so_far": best, "seconds": call * 0.1})
    write_csv(root / "reports/molecules/optimize/calls.csv", rows)
    write_csv(
        root / "reports/molecules/optimize/best.csv", [winner(o, i, smiles) for o in OBJECTIVES for i in range(8)]
    )
    write_shifts(root, chance)
    figures = {"best": 0.93, "calls": 240, "best_training": 0.9, "median": {"best": {"qed": 0.9}}}
    write_json(root / "reports/molecules/optimize.json", {"qed": figures})


def winner(objective, place, smiles):
    text, other = smiles[place % len(smiles)], smiles[(place + 1) % len(smiles)]
    row = {"objective": objective, "rank": place + 1, "smiles": text, "value": 0.9 - place / 50, "deviation": ""}
    return row | {"sa_score": 2.1, "nearest_training": other, "nearest_training_similarity": 0.4}


def write_shifts(root, chance):
    scales = {"qed": 1, "log_p": 5, "molecular_weight": 500, "tpsa": 140, "sa_score": 8, "rings": 6}
    rows = [
        {"objective": objective, "property": name, "molecules": group, "count": 10}
        | dict(zip(QUANTILES, sorted(scale * chance.random() for _ in QUANTILES), strict=True))
        for objective in (*OBJECTIVES, "front")
        for name, scale in scales.items()
        for group in ("training", "random", "best")
    ]
    write_csv(root / "reports/molecules/optimize/shifts.csv", rows)


json_writer = pytest.fixture(lambda: write_json, name="write_json", scope="session")
csv_writer = pytest.fixture(lambda: write_csv, name="write_csv", scope="session")
manifold_writer = pytest.fixture(lambda: write_manifold, name="write_manifold", scope="session")
outputs_writer = pytest.fixture(lambda: write_outputs, name="write_outputs", scope="session")
