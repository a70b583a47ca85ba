namespace xlate { extern const int room_iommu; const int room_iommu = 0; }
