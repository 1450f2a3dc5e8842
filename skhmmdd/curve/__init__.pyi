from skhmmdd.curve._choice import BestPoint
from skhmmdd.curve._curve import DoubleDescentCurve
from skhmmdd.curve._family import DoubleDescentFamily
from skhmmdd.curve._forecast import RiskForecast, forecast_risk
from skhmmdd.curve._landmarks import CurvePoint
from skhmmdd.curve._lipschitz import LipschitzBounds, lipschitz_bounds
from skhmmdd.curve._neighbor_recovery import neighbor_recovery
from skhmmdd.curve._surface import RiskSurface, risk_surface
from skhmmdd.curve._width_path import WidthPath, width_path
from skhmmdd.curve.display._display import DoubleDescentDisplay
from skhmmdd.curve.display._surface_display import RiskSurfaceDisplay

__all__ = [
    "BestPoint",
    "CurvePoint",
    "DoubleDescentCurve",
    "DoubleDescentDisplay",
    "DoubleDescentFamily",
    "LipschitzBounds",
    "RiskForecast",
    "RiskSurface",
    "RiskSurfaceDisplay",
    "WidthPath",
    "forecast_risk",
    "lipschitz_bounds",
    "neighbor_recovery",
    "risk_surface",
    "width_path",
]
