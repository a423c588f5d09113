-- Keeps when tokens were last used. All keys share a hash tag.
--
-- KEYS  1 uses, by token  2… the tokens' records
-- ARGV  for each record the token's id and its use, which begins with a minute

for i = 2, #KEYS do
	local id, use = ARGV[2 * i - 3], ARGV[2 * i - 2]
	-- Another node may have seen a later use; a token may be gone by now.
	local kept = tonumber(string.match(redis.call('HGET', KEYS[1], id) or '', '^%d+'))
	local later = not kept or kept <= tonumber(string.match(use, '^%d+'))
	if later and redis.call('EXISTS', KEYS[i]) == 1 then
		redis.call('HSET', KEYS[1], id, use)
	end
end
return 1
