"""What the tables show of the figures of trust and load, as ``benchmarks.shown`` does of the others."""

_ENCODED = (("molecules", "vaemol"), ("sentences", "vaetext"))
ROWS = {
    "trust_fuzz": (
        ("smiles_inputs", "hostile SMILES", "count"),
        ("sentence_inputs", "hostile sentences", "count"),
        ("lines", "of both, lines through encode and decode", "count"),
        ("crashes", "programs that crashed", "count, 0 is asked for"),
        ("hangs", "programs that hung", "count, 0 is asked for"),
        ("unaccounted_rows", "rows that were lost, or came twice", "count, 0 is asked for"),
        ("out_of_order", "rows out of order", "count, 0 is asked for"),
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
            (f"encode_{domain}_{share}.peak_rss_gb", f"{program} encode, {text} lines", "GB at most, flat is better")
            for domain, program in _ENCODED
            for share, text in (("hundredth", "a hundredth of the"), ("tenth", "a tenth of the"), ("all", "all"))
        ),
        *((f"encode_{domain}_all.rows", f"{program} encode, all lines", "count") for domain, program in _ENCODED),
        *(
            (f"encode_{domain}_all.rows_per_second", f"{program} encode", "lines a second")
            for domain, program in _ENCODED
        ),
        ("prepare_molecules.rows", "prepare, molecules", "count"),
        ("prepare_molecules.rows_per_second", "prepare", "molecules a second"),
        ("prepare_molecules.peak_rss_gb", "prepare, all its processes together", "GB at most"),
        ("report_molecules.bytes", "report over 10,000 proposals of molecules", "bytes, at most 1,500,000"),
        ("report_sentences.bytes", "the same of sentences", "bytes, at most 1,500,000"),
    ),
}
