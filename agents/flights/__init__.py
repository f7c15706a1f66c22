"""The flights of 2013 as they happened: answered at departure, labelled at arrival, joined with weather."""
