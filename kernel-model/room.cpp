namespace xlate { extern const int room_kernel_model; const int room_kernel_model = 0; }
