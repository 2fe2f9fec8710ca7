"""The same against torch.compile, whose peak memory is the smaller one."""
import mlm_rows

mlm_rows.long_sequences("mlm_compiled", "MLM step, 8 x 512, peer compiled", compiled=True, must=2.5, aim=3.5,
                         memory_must=1 / 0.6)
