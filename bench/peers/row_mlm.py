"""A masked-LM step of 8 x 512 tokens against eager PyTorch in its faster dtype: speed and peak memory."""
import mlm_rows

mlm_rows.long_sequences("mlm", "MLM step, 8 x 512", compiled=False, must=2.5, aim=3.5, memory_must=1 / 0.6)
