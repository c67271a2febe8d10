"""What every operator shares; imports no operator."""
