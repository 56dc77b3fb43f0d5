"""The face in other people's programs: as a Pipecat service, as a LiveKit video generator."""
