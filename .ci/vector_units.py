"""Print the vector units of this processor that NumPy would use beyond its baseline.

In the words of `NPY_DISABLE_CPU_FEATURES`, which differ from one NumPy to the next:
it warns of names that it does not know, or that the processor does not have.
"""

try:
    from numpy._core import _multiarray_umath as umath
except ImportError:  # NumPy 1
    from numpy.core import _multiarray_umath as umath

print(*(name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)))
