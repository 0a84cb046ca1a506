"""What the tables show of the figures of trust and load, as ``benchmarks.shown`` does of the others."""

_VERBS = (
    ("molecules", "vaemol", "encode"),
    ("molecules", "vaemol", "decode"),
    ("molecules", "vaemol", "score"),
    ("sentences", "vaetext", "encode"),
    ("sentences", "vaetext", "decode"),
)
_SHARES = (("hundredth", "a hundredth of the"), ("tenth", "a tenth of the"), ("all", "all"))
ROWS = {
    "trust_kills": (
        ("kills", "kills", "count"),
        *(
            (f"kills_in.{who}.{phase}", f"of {name}: {phase}", "count")
            for who, name, last in (("stage", "the stage alone", "ended"), ("dvc", "DVC above it", "committing"))
            for phase in ("starting", "training", "evaluation", "saving", "history", "logging", "ending", last)
        ),
        ("ends", "trainings that came to their end", "count"),
        ("identical_fraction", "of these, of the very weights of one that was let be", "fraction, 1 is asked for"),
        ("orphans", "trainers that went on to their end, or for a minute, after their DVC", "count, 0 is asked for"),
        ("orphan_seconds_most", "a trainer outlived its DVC", "seconds at most"),
        ("together", "trainers that met another at work", "count, 0 is asked for"),
        ("refused", "runs that found another at work and ended", "count, lower is better"),
        ("resumed_elsewhere", "runs that went on from another step than was saved", "count, 0 is asked for"),
        ("began_anew", "saved states that could not be read", "count, 0 is asked for"),
        ("lost_seconds_most", "training lost", "seconds at most"),
        ("metrics_missing", "metrics that MLflow lacks at the ends", "count, 0 is asked for"),
        ("metrics_twice", "metrics that it has twice", "count, 0 is asked for"),
        ("runs_open", "runs that it shows as under way", "count, 0 is asked for"),
    ),
    "trust_fuzz": (
        ("smiles_inputs", "hostile SMILES", "count"),
        ("sentence_inputs", "hostile sentences", "count"),
        ("lines", "of both, lines through encode and decode", "count"),
        ("crashes", "programs that crashed", "count, 0 is asked for"),
        ("hangs", "programs that hung", "count, 0 is asked for"),
        ("unaccounted_rows", "rows that were lost, or came twice", "count, 0 is asked for"),
        ("out_of_order", "rows out of order", "count, 0 is asked for"),
        ("misplaced_rows", "rows that hold another text than their line", "count, 0 is asked for"),
        ("swapped_rows", "codes that decode to the text of another", "count, 0 is asked for"),
        ("rows_crashed", "rows that killed the process that read them", "count"),
        ("rows_timed_out", "rows that took it a minute", "count"),
        ("report_inputs", "inputs laid into reports", "count"),
        ("foreign_markup", "pages with elements that are not ours", "count, 0 is asked for"),
        *(
            (f"{domain}.{name}", f"{domain}, {text}", "count")
            for domain in ("molecules", "sentences")
            for name, text in (
                ("accepted", "rows that prepare accepts"),
                ("rejected", "rows that it rejects"),
                ("pages", "pages"),
                ("seconds", "seconds"),
            )
        ),
    ),
    "load_cpu": (
        *(
            (f"{verb}_{domain}_{share}.peak_rss_gb", f"{program} {verb}, {text} lines", "GB at most, flat is better")
            for domain, program, verb in _VERBS
            for share, text in _SHARES
        ),
        *(
            (f"{verb}_{domain}_all.{figure}", f"{program} {verb}{which}", unit)
            for domain, program, verb in _VERBS
            for figure, which, unit in (("rows", ", all lines", "count"), ("rows_per_second", "", "lines a second"))
        ),
        ("prepare_molecules.rows", "prepare, molecules", "count"),
        ("prepare_molecules.accepted", "of these accepted", "count"),
        ("prepare_molecules.rows_per_second", "prepare", "molecules a second"),
        ("prepare_molecules.peak_rss_gb", "prepare, all its processes together", "GB at most"),
        ("report_molecules.bytes", "report over 10,000 proposals of molecules", "bytes, at most 1,500,000"),
        ("report_sentences.bytes", "the same of sentences", "bytes, at most 1,500,000"),
    ),
}
