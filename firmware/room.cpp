namespace xlate { extern const int room_firmware; const int room_firmware = 0; }
