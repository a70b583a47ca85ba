namespace xlate { extern const int room_study; const int room_study = 0; }
