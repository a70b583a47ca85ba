namespace xlate { extern const int room_explore; const int room_explore = 0; }
