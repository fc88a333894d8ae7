// Tells the server this browser's time zone, so that clock times are the reader's from the next page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `authdeck_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
