"""What the face does at every instant: speech, behaviour, and the FaceStates made of them.

from visavis.animation.animator import Animator
face = Animator(seed=1, style="natural")
face.set_mode("speaking")
face.say(spoken, at=0.0)              # a SpokenAudio, placed on the speech clock
state = face.state(t, speech_t)       # 60 times a second, or at the frame rate
"""
