from skhmmdd.inspection._belief_display import BeliefDisplay
from skhmmdd.inspection._hmm_display import HMMDisplay
from skhmmdd.inspection._training_display import TrainingCurveDisplay

__all__ = ["BeliefDisplay", "HMMDisplay", "TrainingCurveDisplay"]
