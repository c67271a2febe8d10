// Standard library only: there is no go.sum to keep.
module automatrix/recipes/pause

go 1.25.0
