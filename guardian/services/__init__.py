"""Services: what they are, how they live, who waits for whom; what decides here knows no clock."""
