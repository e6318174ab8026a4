from sentinel_sam.commands import main

main()
