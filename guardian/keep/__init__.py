"""The keeper: parent of all services. Spawns, reaps and remembers; decides nothing, so it hardly can fail."""
