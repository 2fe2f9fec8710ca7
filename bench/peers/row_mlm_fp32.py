"""A masked-LM step of 8 x 512 tokens, both sides in fp32, against eager PyTorch."""
import mlm_rows

mlm_rows.long_sequences("mlm_fp32", "MLM step, 8 x 512, both in fp32", compiled=False, must=2, aim=2.5, dtype="fp32")
