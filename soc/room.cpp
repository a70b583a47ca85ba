namespace xlate { extern const int room_soc; const int room_soc = 0; }
