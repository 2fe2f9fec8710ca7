"""Masked-LM steps on 256 sequences of citation_intent; the peer pads each batch to its longest."""
import mlm_rows

mlm_rows.short_sequences("mlm_short", "MLM step, citation_intent, dynamic padding", by_length=False, must=4, aim=5.5)
