"""Combinations that learn how much each member is worth, beside the pure ones in `headrace.models.combine`.

`Weighted` weighs members by their recent loss, `Best` picks one by region, `Stack` teaches a model of river's
on their answers, `Ranks` makes anomaly scores of different scales comparable.
"""
