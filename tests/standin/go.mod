module edgeboot/tests/standin

go 1.19
