"""The same with batches of neighbours in length, which leaves the peer little padding."""
import mlm_rows

mlm_rows.short_sequences("mlm_short_sorted", "MLM step, citation_intent, sorted by length", by_length=True, must=3, aim=4)
