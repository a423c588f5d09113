-- Writes and publishes one audit event that does not come with a change, but only
-- once if it is sent again.
--
-- KEYS  1 events  2 receipt
-- ARGV  1 event  2 lifetime of the receipt, in milliseconds  3 channel
--
-- Returns the event's id.

local id = redis.call('GET', KEYS[2]) or redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])
redis.call('SET', KEYS[2], id, 'PX', ARGV[2])
-- No token has changed, but nodes compare the newest event published with the newest
-- one in the store.
redis.pcall('PUBLISH', ARGV[3], ' ' .. id)
return id
