"""Parts of forms that several of them use."""
