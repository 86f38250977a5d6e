def test_the_same_frames_encode_to_the_same_bytes(make_video):
    assert make_video("a.avi").read_bytes() == make_video("b.avi").read_bytes()
