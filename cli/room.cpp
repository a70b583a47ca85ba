namespace xlate { extern const int room_cli; const int room_cli = 0; }
