"""The true problem of the flights: answered at departure, labelled at arrival, weather and planes looked up."""
